"""New units and exercises from templates that pass the tests: something that works, to be changed step by step."""
