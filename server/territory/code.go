package territory

import "strings"

// Codes of divisions grow by level: 6 digits to the district, 9 to the street,
// 12 to the community or village, 15 to the grid.
const (
	countyDigits    = 6
	streetDigits    = 9
	communityDigits = 12
	gridDigits      = 15
)

func digits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789") == ""
}

// CommunityCode is the code of the community or village that a grid's code names.
func CommunityCode(grid string) string { return prefix(grid, communityDigits) }

// StreetCode is the code of the street that a grid's or a community's code names.
func StreetCode(code string) string { return prefix(code, streetDigits) }

// CountyCode is the code of the district that a longer code names.
func CountyCode(code string) string { return prefix(code, countyDigits) }

func prefix(code string, n int) string {
	if len(code) < n {
		return ""
	}
	return code[:n]
}

// CanonicalCode is the short form of a division's code. Public lists write all
// levels with 12 digits (330211004000); the street's own code is 330211004.
func CanonicalCode(kind, code string) string {
	if !digits(code, communityDigits) {
		return code
	}
	switch {
	case kind == "city" || kind == "county":
		if strings.HasSuffix(code, "000000") {
			return code[:countyDigits]
		}
	case kind == "street":
		if strings.HasSuffix(code, "000") {
			return code[:streetDigits]
		}
	}
	return code
}

// orgCodeFault says what is wrong with an organisation's code, or "".
func orgCodeFault(kind, code string) string {
	switch kind {
	case "city", "county":
		if !digits(code, countyDigits) && !digits(code, 4) {
			return "the code of a city or county has 6 digits"
		}
	case "street":
		if !digits(code, streetDigits) {
			return "the code of a street has 9 digits"
		}
	case "village", "community":
		if !digits(code, communityDigits) {
			return "the code of a community or village has 12 digits"
		}
	}
	if code == "" || len(code) > 40 || strings.ContainsAny(code, " \t\n") {
		return "a code is needed, without spaces and of at most 40 characters"
	}
	return ""
}

// CanonicalParent is the short form of the code of the organisation above one
// of the given kind.
func CanonicalParent(kind, code string) string {
	switch kind {
	case "village", "community", "department", "station", "command_room":
		return CanonicalCode("street", CanonicalCode("county", code))
	case "street":
		return CanonicalCode("county", code)
	}
	return code
}
