package underlock

const doc = "x"
