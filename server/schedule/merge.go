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
type merge struct {
	heap  []*stream
	taken bool // the head of the first stream was given; the stream advances when the next one is wanted
}

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

func mergeEvents(clocks []*clock, after moment) *merge {
	m := &merge{}
	for i, c := range clocks {
		s := &stream{candidate{clock: c}, i, c.events(after)}
		if s.advance() {
			m.heap = append(m.heap, s)
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sift(i)
	}
	return m
}

// next takes the first candidate. After it has answered false it must not be called.
func (m *merge) next() (candidate, bool) {
	if m.taken {
		if !m.heap[0].advance() {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.sift(0)
	}
	if len(m.heap) == 0 {
		return candidate{}, false
	}
	m.taken = true
	return m.heap[0].head, true
}

// sift moves the stream at i to a leaf along the smaller children, and from there up to its place: Python saves
// comparisons that way.
func (m *merge) sift(i int) {
	if i >= len(m.heap) {
		return
	}
	start, moved := i, m.heap[i]
	for child := 2*i + 1; child < len(m.heap); child = 2*i + 1 {
		if right := child + 1; right < len(m.heap) && !m.heap[child].before(m.heap[right]) {
			child = right
		}
		m.heap[i], i = m.heap[child], child
	}
	for i > start {
		parent := (i - 1) / 2
		if !moved.before(m.heap[parent]) {
			break
		}
		m.heap[i], i = m.heap[parent], parent
	}
	m.heap[i] = moved
}
