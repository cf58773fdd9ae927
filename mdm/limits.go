package mdm

// Limits bound a document before it is decoded. The zero value refuses
// everything.
type Limits struct {
	// Bytes is the greatest size of the whole document.
	Bytes int64
	// Depth is the greatest number of elements (XML) or containers (JSON)
	// open at once, the root included.
	Depth int
	// Nodes is the greatest number of elements and attributes (XML) or of
	// containers, commas and colons (JSON), which is about keys plus values.
	Nodes int
}

// CheckinLimits returns the limits of check-in messages: 256 KiB, depth 32,
// 20,000 nodes. A DeclarativeManagement message carries a status report and
// may be as large as ResultLimits allows.
func CheckinLimits() Limits { return Limits{Bytes: 256 << 10, Depth: 32, Nodes: 20_000} }

// ResultLimits returns the limits of command results and status reports:
// 1 MiB, depth 32, 20,000 nodes.
func ResultLimits() Limits { return Limits{Bytes: 1 << 20, Depth: 32, Nodes: 20_000} }

// AppListLimits returns the limits of a result from a device that was asked
// for its applications: 8 MiB, depth 32, 200,000 nodes.
func AppListLimits() Limits { return Limits{Bytes: 8 << 20, Depth: 32, Nodes: 200_000} }
