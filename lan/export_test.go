package lan

// TokenIn is for tests.
var TokenIn = tokenIn
