package fleet

import "time"

// instant is a time as the census keeps it, in a third of the room of a
// [time.Time]: microseconds since 1970, which is as precise as storage is. The
// zero value is the zero time.
type instant int64

func instantOf(t time.Time) instant {
	if t.IsZero() {
		return 0
	}
	return instant(t.UnixMicro())
}

// time returns the instant in UTC.
func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(i)).UTC()
}
