package lostowner

const doc = "x"
