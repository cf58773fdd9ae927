package storagetest

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

func phonesSentences() []sentence {
	holder := func(of map[string]string) func(*storage.Phone) (storage.PhoneChange, error) {
		return func(p *storage.Phone) (storage.PhoneChange, error) {
			p.Holder = of[p.UDID]
			return storage.PhoneChange{Audit: []storage.AuditEntry{audit("of " + p.UDID)}}, nil
		}
	}
	read := func(t *testing.T, s Store, seg storage.Segment, udid string) storage.Phone {
		t.Helper()
		p, err := s.Phone(t.Context(), seg, udid)
		must(t, err)
		return p
	}
	return []sentence{
		{"several are changed together, in the order given", func(t *testing.T, s Store) {
			for _, udid := range []string{"a", "b", "c"} {
				enrol(t, s, segA, udid)
				enrol(t, s, segB, udid)
			}
			end := auditEnd(t, s, segA)
			got, err := s.UpdatePhones(t.Context(), segA, []string{"c", "a"}, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Contact = moment(3)
				return holder(map[string]string{"a": "S-1", "c": "S-3"})(p)
			})
			must(t, err)
			wantEqual(t, got, []storage.Phone{read(t, s, segA, "c"), read(t, s, segA, "a")})
			wantEqual(t, []string{got[0].Holder, got[1].Holder, read(t, s, segA, "b").Holder, read(t, s, segB, "a").Holder}, []string{"S-3", "S-1", "", ""})
			wantEqual(t, actions(t, s, segA, end), []string{"of c", "of a"})
		}},
		{"a fault in one leaves all of several as they were", func(t *testing.T, s Store) {
			a, b := enrol(t, s, segA, "a"), enrol(t, s, segA, "b")
			end := auditEnd(t, s, segA)
			_, err := s.UpdatePhones(t.Context(), segA, []string{"a", "nobody"}, holder(map[string]string{"a": "S-1"}))
			wantError(t, err, storage.ErrNotFound)
			_, err = s.UpdatePhones(t.Context(), segA, []string{"a", "b"}, func(p *storage.Phone) (storage.PhoneChange, error) {
				if p.UDID == "b" {
					return storage.PhoneChange{}, errUpdater
				}
				return holder(map[string]string{"a": "S-1"})(p)
			})
			wantError(t, err, errUpdater)
			_, err = s.UpdatePhones(t.Context(), segA, []string{"a"}, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.UDID = "x"
				return storage.PhoneChange{}, nil
			})
			if err == nil {
				t.Error("an updater changed a UDID")
			}
			wantEqual(t, []storage.Phone{read(t, s, segA, "a"), read(t, s, segA, "b")}, []storage.Phone{a, b})
			wantEqual(t, actions(t, s, segA, end), nil)
		}},
		{"a serial number finds its phones, those that left too", func(t *testing.T, s Store) {
			for _, udid := range []string{"c", "a", "b"} {
				enrol(t, s, segA, udid)
				enrol(t, s, segB, udid)
			}
			setPhone(t, s, segA, "a", func(p *storage.Phone) { p.Serial, p.State = "serial of c", storage.PhoneRemoved })
			got, err := s.PhonesBySerial(t.Context(), segA, "serial of c")
			must(t, err)
			wantEqual(t, got, []storage.Phone{read(t, s, segA, "c"), read(t, s, segA, "a")})
			for _, serial := range []string{"serial of a", "serial of", ""} {
				got, err = s.PhonesBySerial(t.Context(), segA, serial)
				must(t, err)
				wantEqual(t, len(got), 0)
			}
		}},
		{"of several, those whose change is none stay as they are", func(t *testing.T, s Store) {
			a := enrol(t, s, segA, "a")
			enrol(t, s, segA, "b")
			got, err := s.UpdatePhones(t.Context(), segA, []string{"a", "b", "b"}, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Holder += "S"
				return storage.PhoneChange{Unchanged: p.UDID == "a"}, nil
			})
			must(t, err)
			wantEqual(t, got[0], a)
			wantEqual(t, read(t, s, segA, "a"), a)
			wantEqual(t, read(t, s, segA, "b").Holder, "SS")
		}},
	}
}
