"""All mutants, in the order of the table."""
import ending
import taking

MUTANTS = taking.MUTANTS + ending.MUTANTS
