package missedvalue

const doc = "x"
