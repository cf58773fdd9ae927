package policy

// BetaBuild reports whether a build is one of a beta: it ends in a lower-case
// letter. So do those of background improvements, but a phone reports these
// beside the build of the release (Apple, Device Management,
// StatusDeviceOperatingSystemSupplementalBuildVersion). A release candidate has
// the build of a release and is none.
func BetaBuild(build string) bool {
	return build != "" && build[len(build)-1] >= 'a' && build[len(build)-1] <= 'z'
}
