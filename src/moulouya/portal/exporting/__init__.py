"""The whole portal as files, for a CDN, any web server or a USB stick."""
