// Package catalog is Apple's release catalogue for iPhone, iPad and iPod
// touch: which releases exist, since when, for which models, until when they
// can be installed, and which CVEs they fix.
//
// It owns the importers of Apple's lookup list (GDMF), of the SOFA v2 feed, of
// CISA's Known Exploited Vulnerabilities list and of its own bundle format, the
// merging of all four into one catalogue that never forgets a published fact,
// and the facts built into the binary. It answers questions about releases; it
// decides nothing about groups or phones, stores nothing, and has no clock:
// callers pass the day they ask about.
//
// A Catalog is immutable. Import returns a new one and leaves the old one as it
// was, so readers need no lock.
package catalog
