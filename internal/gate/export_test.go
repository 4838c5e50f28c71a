package gate

// Most is how much is remembered.
const Most = most

// Len is at how many counters somebody sits.
func (d *Desk) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seats)
}
