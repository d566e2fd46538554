// The table on the terminal and the file for programs.
#pragma once

#include <string>
#include <vector>

#include "compare.hpp"

namespace bench {

/// Machine, compiler, load: what a figure means nothing without.
void print_heading();
void print_table_heading(const Plan& plan);
void print_rows(const std::vector<Row>& rows);
/// Three digits or more, without an exponent.
std::string figure(double value);
/// As a JSON string.
std::string in_quotes(const std::string& text);
/// At once, on stderr: what a row ended with.
void complain(const Row& row);

/// A list with one object per row; "error" stands for the figures of a row that has one.
/// Errors: std::runtime_error when the file cannot be written.
void write_json(const std::string& path, const std::vector<Row>& rows);

}  // namespace bench
