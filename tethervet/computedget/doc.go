package computedget

const doc = "x"
