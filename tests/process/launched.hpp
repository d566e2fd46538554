// What the tests of exec() and the program that they launch agree on.
#pragma once

#include "iq/iq.hpp"

/// Of a layout that differs from int's.
struct Other {
  double a;
  double b;
};
