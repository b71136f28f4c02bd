package blockedclose

const doc = "x"
