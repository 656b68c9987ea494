package recent

// Kept returns how many bytes are kept.
func (l *Log) Kept() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
