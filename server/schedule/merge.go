package schedule

// candidate is an event before filters and adjustments.
type candidate struct {
	time  moment
	clock *clock
}

// equal is Python's ClockEvent.__eq__.
func (c candidate) equal(other candidate) bool {
	return c.time.equal(other.time) && c.clock.identity == other.clock.identity
}

// merge is heapq.merge: the candidates of all clocks by time. Python leaves the order of candidates that are neither
// equal nor before one another to the steps of its heap, so these are the steps of its heap.
type merge []*stream

type stream struct {
	head  candidate
	order int
	next  func() (moment, bool)
}

// before is the comparison of the lists [event, order, next] that heapq.merge keeps.
func (s *stream) before(other *stream) bool {
	if s.head.equal(other.head) {
		return s.order < other.order
	}
	return s.head.time.before(other.head.time)
}

func (s *stream) advance() bool {
	t, ok := s.next()
	s.head.time = t
	return ok
}

func mergeEvents(clocks []*clock, after moment) merge {
	var m merge
	for i, c := range clocks {
		s := &stream{candidate{clock: c}, i, c.events(after)}
		if s.advance() {
			m = append(m, s)
		}
	}
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.sift(i)
	}
	return m
}

// next takes the first candidate. It may be called until it has answered false. The stream that a candidate was taken from
// advances with the next call only, as Python's generators do.
func (m *merge) next(first bool) (candidate, bool) {
	if h := *m; !first && len(h) > 0 {
		if !h[0].advance() {
			last := len(h) - 1
			h[0], h = h[last], h[:last]
			*m = h
		}
		if len(h) > 1 {
			h.sift(0)
		}
	}
	if len(*m) == 0 {
		return candidate{}, false
	}
	return (*m)[0].head, true
}

// sift moves the stream at i to a leaf along the smaller children, and from there up to its place: Python saves
// comparisons that way.
func (m merge) sift(i int) {
	start, moved := i, m[i]
	for child := 2*i + 1; child < len(m); child = 2*i + 1 {
		if right := child + 1; right < len(m) && !m[child].before(m[right]) {
			child = right
		}
		m[i], i = m[child], child
	}
	for i > start {
		parent := (i - 1) / 2
		if !moved.before(m[parent]) {
			break
		}
		m[i], i = m[parent], parent
	}
	m[i] = moved
}
