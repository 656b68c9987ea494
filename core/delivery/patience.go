package delivery

const (
	maxVain  = 8   // waits in a row that gain nothing, before a feed does without
	minSpell = 8   // passes without waiting
	maxSpell = 256 // the same, when each try between two spells was in vain
)

// patience decides whether a feed lingers for entries, by what it has gained by that. It gains
// nothing where one writer sends the next entry when it has got the last one: that entry comes only
// once the feed has lingered, and all are held up. Its zero value is ready to use.
type patience struct {
	waiting bool // lingers with entries due
	gained  bool // others came meanwhile
	vain    int  // waits in a row that gained nothing
	spell   int  // passes that are left without waiting
	next    int  // passes of the next spell; 0: minSpell
}

// waits reports whether the feed may wait with what is due. more says that entries have come since
// the last call.
func (p *patience) waits(more bool) bool {
	switch {
	case p.waiting:
		p.gained = p.gained || more
	case p.spell > 0:
		p.spell--
		return false
	}
	p.waiting = true
	return true
}

// waited notes that a pass begins.
func (p *patience) waited() {
	if !p.waiting {
		return
	}
	if p.vain++; p.gained {
		p.vain, p.next = 0, 0
	}
	if p.vain == maxVain {
		p.spell = max(p.next, minSpell)
		p.vain, p.next = 0, min(2*p.spell, maxSpell)
	}
	p.waiting, p.gained = false, false
}
