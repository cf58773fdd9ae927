package catalog

import "fmt"

// importKEV flags CVEs that CISA lists as known to be exploited. It adds no
// release. All rows are kept, whoever the vendor is (WebKit fixes can be listed
// under Google), so that a CVE that a later feed brings is flagged at once.
func (c *Catalog) importKEV(root *node, src Source, report *Report) (*Catalog, error) {
	top := &fields{n: root}
	rows := top.items("vulnerabilities")
	if top.err != nil {
		return nil, top.err
	}
	d := c.draft()
	for _, n := range rows {
		f := &fields{n: n}
		id, added := f.text("cveID"), f.date("dateAdded")
		if f.err != nil {
			return nil, f.err
		}
		if !cvePattern.MatchString(id) {
			return nil, n.get("cveID").fail("not-a-cve", fmt.Sprintf("%q is not a CVE id", clip(id)), "value", clip(id))
		}
		d.kev[id] = earliest(d.kev[id], added)
		src.Newest = latest(src.Newest, added)
	}
	src.Entries = len(rows)
	stale, err := c.admit(src, report)
	if err != nil {
		return nil, err
	}
	if !stale {
		d.sources[KEV] = src
	}
	return d.catalog()
}
