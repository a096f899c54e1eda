"""The flat as a page in a browser: each thing that can happen is a key, what the resident sees and hears is shown."""
