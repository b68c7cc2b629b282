package display

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// canvas is a picture being drawn.
type canvas struct {
	img    *image.RGBA
	raster *vector.Rasterizer
	faces  faces
	placed []placed // what text went where, for tests
}

func newCanvas(size image.Point) *canvas {
	c := &canvas{
		img:    image.NewRGBA(image.Rectangle{Max: size}),
		raster: vector.NewRasterizer(size.X, size.Y),
		faces:  faces{},
	}
	draw.Draw(c.img, c.img.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	return c
}

// at is a part of the screen, in thousandths of its width and height.
func (c *canvas) at(x0, y0, x1, y1 int) image.Rectangle {
	return part(c.img.Rect.Size(), x0, y0, x1, y1)
}

func part(size image.Point, x0, y0, x1, y1 int) image.Rectangle {
	return image.Rect(size.X*x0/1000, size.Y*y0/1000, size.X*x1/1000, size.Y*y1/1000)
}

// unit is the length all sizes are multiples of: 1 pixel on 480 x 320.
func (c *canvas) unit() float64 {
	return math.Min(float64(c.img.Rect.Dx())/480, float64(c.img.Rect.Dy())/320)
}

// px is n units in whole pixels.
func (c *canvas) px(n float64) int { return max(1, int(math.Round(n*c.unit()))) }

// point is a place on the picture in pixels, y down.
type point struct{ x, y float64 }

func (p point) plus(dx, dy float64) point { return point{p.x + dx, p.y + dy} }

// fill paints what the paths enclose. Paths that overlap must turn the same
// way, or they cancel each other out.
func (c *canvas) fill(col color.Color, paths ...[]point) {
	box := bounds(paths).Intersect(c.img.Rect)
	if box.Empty() {
		return
	}
	c.raster.Reset(box.Dx(), box.Dy())
	for _, path := range paths {
		for i, p := range path {
			p = p.plus(-float64(box.Min.X), -float64(box.Min.Y))
			if i == 0 {
				c.raster.MoveTo(float32(p.x), float32(p.y))
			} else {
				c.raster.LineTo(float32(p.x), float32(p.y))
			}
		}
		c.raster.ClosePath()
	}
	c.raster.Draw(c.img, box, image.NewUniform(col), image.Point{})
}

// bounds are the pixels that paths touch.
func bounds(paths [][]point) image.Rectangle {
	var box image.Rectangle
	for _, path := range paths {
		for _, p := range path {
			x, y := int(math.Floor(p.x)), int(math.Floor(p.y))
			box = box.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	return box
}

// arc is a part of a circle, angles in turns, clockwise from 3 o'clock.
func arc(center point, radius, from, to float64) []point {
	steps := max(8, int(math.Abs(to-from)*math.Max(24, radius*3)))
	path := make([]point, 0, steps+1)
	for i := range steps + 1 {
		sin, cos := math.Sincos(2 * math.Pi * (from + (to-from)*float64(i)/float64(steps)))
		path = append(path, center.plus(radius*cos, radius*sin))
	}
	return path
}

func circle(center point, radius float64) []point { return arc(center, radius, 0, 1) }

// ring is a part of a circle drawn with a pen, with round ends.
func ring(center point, radius, pen, from, to float64) [][]point {
	path := arc(center, radius+pen/2, from, to)
	path = append(path, arc(center, radius-pen/2, to, from)...)
	ends := [][]point{path}
	for _, turn := range []float64{from, to} {
		sin, cos := math.Sincos(2 * math.Pi * turn)
		ends = append(ends, circle(center.plus(radius*cos, radius*sin), pen/2))
	}
	return ends
}

// rounded is a rectangle with round corners.
func rounded(min, max point, radius float64) []point {
	radius = math.Min(radius, math.Min(max.x-min.x, max.y-min.y)/2)
	var path []point
	path = append(path, arc(point{max.x - radius, max.y - radius}, radius, 0, .25)...)
	path = append(path, arc(point{min.x + radius, max.y - radius}, radius, .25, .5)...)
	path = append(path, arc(point{min.x + radius, min.y + radius}, radius, .5, .75)...)
	return append(path, arc(point{max.x - radius, min.y + radius}, radius, .75, 1)...)
}

// line is a line through points drawn with a round pen.
func line(pen float64, points ...point) [][]point {
	var paths [][]point
	for i, p := range points {
		paths = append(paths, circle(p, pen/2))
		if i == 0 {
			continue
		}
		q := points[i-1]
		length := math.Hypot(p.x-q.x, p.y-q.y)
		if length == 0 {
			continue
		}
		nx, ny := (p.y-q.y)/length*pen/2, -(p.x-q.x)/length*pen/2
		paths = append(paths, []point{q.plus(nx, ny), p.plus(nx, ny), p.plus(-nx, -ny), q.plus(-nx, -ny)})
	}
	return paths
}
