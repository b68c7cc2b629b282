// Package ssd1306 shows pictures on the small monochrome OLED displays with the
// controller SSD1306 on an I2C bus: 128 x 64 or 128 x 32 pixels, lit or dark.
// Bright colours are lit. Driving the chip is the work of
// periph.io/x/devices/v3/ssd1306; this package adds what a reader needs: the
// second I2C address, and a display that is plugged in again.
//
// Solomon Systech, "SSD1306 128 x 64 Dot Matrix OLED/PLED Segment/Common Driver
// with Controller", sections "I2C-bus slave address" and "Command Table".
// https://cdn-shop.adafruit.com/datasheets/SSD1306.pdf
package ssd1306
