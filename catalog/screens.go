package catalog

import (
	"fmt"
)

// screen is the size of a display as apps lay themselves out on it: in points, upright and
// not zoomed, and how many pixels a point is of.
type screen struct{ width, height, scale int }

// String returns the screen as "393x852@3x".
func (s screen) String() string { return fmt.Sprintf("%dx%d@%dx", s.width, s.height, s.scale) }

// screenModels are the screens of iPhones by hardware identifier, from the iPhone 8 to the
// newest of the built-in catalogue.
//
// Points and scale are from Apple's Human Interface Guidelines (Layout, "iOS, iPadOS device
// screen dimensions"); where they do not list a model, from the pixels in its technical
// specifications divided by the scale. The mini models draw 375 x 812 points and scale that
// down to their 1080 x 2340 pixels.
func screenModels() map[screen][]string {
	return map[screen][]string{
		{375, 667, 2}: {"iPhone10,1", "iPhone10,4", "iPhone12,8", "iPhone14,6"},                                           // 8, SE 2 and 3
		{414, 736, 3}: {"iPhone10,2", "iPhone10,5"},                                                                       // 8 Plus
		{375, 812, 3}: {"iPhone10,3", "iPhone10,6", "iPhone11,2", "iPhone12,3", "iPhone13,1", "iPhone14,4"},               // X, XS, 11 Pro, 12 and 13 mini
		{414, 896, 2}: {"iPhone11,8", "iPhone12,1"},                                                                       // XR, 11
		{414, 896, 3}: {"iPhone11,4", "iPhone11,6", "iPhone12,5"},                                                         // XS Max, 11 Pro Max
		{390, 844, 3}: {"iPhone13,2", "iPhone13,3", "iPhone14,2", "iPhone14,5", "iPhone14,7", "iPhone17,5", "iPhone18,5"}, // 12, 12 Pro, 13, 13 Pro, 14, 16e, 17e
		{428, 926, 3}: {"iPhone13,4", "iPhone14,3", "iPhone14,8"},                                                         // 12 and 13 Pro Max, 14 Plus
		{393, 852, 3}: {"iPhone15,2", "iPhone15,4", "iPhone16,1", "iPhone17,3"},                                           // 14 Pro, 15, 15 Pro, 16
		{430, 932, 3}: {"iPhone15,3", "iPhone15,5", "iPhone16,2", "iPhone17,4"},                                           // 14 Pro Max, 15 Plus, 15 Pro Max, 16 Plus
		{402, 874, 3}: {"iPhone17,1", "iPhone18,1", "iPhone18,3"},                                                         // 16 Pro, 17 Pro, 17
		{440, 956, 3}: {"iPhone17,2", "iPhone18,2"},                                                                       // 16 and 17 Pro Max
		{420, 912, 3}: {"iPhone18,4"},                                                                                     // Air
	}
}

// Screens returns the screens of iPhones by hardware identifier, as "393x852@3x". Of a
// model that is missing nothing is known. The map is the caller's.
func Screens() map[string]string {
	screens := make(map[string]string)
	for s, models := range screenModels() {
		for _, m := range models {
			screens[m] = s.String()
		}
	}
	return screens
}
