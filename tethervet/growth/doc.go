package growth

const doc = "x"
