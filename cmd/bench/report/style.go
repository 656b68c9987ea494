package report

import (
	"bytes"
	"fmt"
)

// theme is the ground and the ink of a plot.
type theme struct{ ground, ink string }

var (
	light = theme{"#ffffff", "#1c1c21"}
	dark  = theme{"#16161a", "#e8e8ee"}
)

// palette has for each line a colour on light and one on dark, after Okabe and Ito's, which people who see few colours can tell apart
// (https://jfly.uni-koeln.de/color/), darker and lighter where the contrast would be less than 3:1.
var palette = [...]struct{ light, dark string }{
	{"#0072b2", "#56b4e9"},
	{"#c65300", "#ff9e4a"},
	{"#008060", "#3ed6a5"},
	{"#a6408f", "#e79bd3"},
	{"#7a5c00", "#f0e442"},
	{"#5a5a62", "#bcbcc6"},
}

const shapes = `text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:currentColor}
.heading{font-size:16px;font-weight:600}
.middle{text-anchor:middle}
.end{text-anchor:end}
.axis{fill:none;stroke:currentColor}
.grid path{stroke:currentColor;stroke-opacity:.16}
.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}
.p50{stroke-dasharray:5 4}
.mark,circle{fill:currentColor}
.cross{fill:none;stroke:currentColor;stroke-width:2}
`

// style is the plot's style sheet.
func style() []byte {
	var b bytes.Buffer
	b.WriteString(shapes)
	fmt.Fprintf(&b, "svg{color:%s}\n.ground{fill:%s}\n", light.ink, light.ground)
	for i, c := range palette {
		fmt.Fprintf(&b, ".c%d{color:%s}\n", i, c.light)
	}
	fmt.Fprintf(&b, "@media (prefers-color-scheme:dark){\nsvg{color:%s}\n.ground{fill:%s}\n", dark.ink, dark.ground)
	for i, c := range palette {
		fmt.Fprintf(&b, ".c%d{color:%s}\n", i, c.dark)
	}
	b.WriteString("}\n")
	return b.Bytes()
}
