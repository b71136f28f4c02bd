package hiddenowner

const doc = "x"
