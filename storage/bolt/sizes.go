package bolt

import (
	"context"
	"fmt"
)

// Size is what one kind of record takes in the file.
type Size struct {
	Kind    string `json:"kind"` // name of the bucket
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes"` // of keys and contents, without what pages lose
}

// Sizes returns what each kind of record takes, in the order of the buckets.
// It reads every record.
func (s *Store) Sizes(ctx context.Context) ([]Size, error) {
	var sizes []Size
	err := s.view(ctx, func(t *tx) error {
		for _, b := range allBuckets() {
			size := Size{Kind: string(b)}
			for r, err := range t.rows(b, nil, nil) {
				if err != nil {
					return err
				}
				size.Records++
				size.Bytes += int64(len(r.key) + len(r.content))
			}
			sizes = append(sizes, size)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sizes: %w", err)
	}
	return sizes, nil
}

// CountPhones returns how many phones the sizes are of, in all segments and
// removed ones included.
func CountPhones(sizes []Size) int {
	for _, s := range sizes {
		if s.Kind == string(bucketPhones) {
			return s.Records
		}
	}
	return 0
}
