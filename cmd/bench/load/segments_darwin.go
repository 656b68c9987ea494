package load

// segments is 0, as this system does not tell.
func segments(int) int64 { return 0 }
