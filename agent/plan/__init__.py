"""The care plan as a document: read, sealed for the wire, proven before it is trusted, and kept."""
