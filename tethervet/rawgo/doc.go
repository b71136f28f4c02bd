package rawgo

const doc = "x"
