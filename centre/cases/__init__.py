"""What staff do about alarms: cases, from the first word of a home to the outcome. Pure: no I/O, and no clock."""
