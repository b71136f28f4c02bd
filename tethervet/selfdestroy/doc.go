package selfdestroy

const doc = "x"
