"""Sets a centre up in one folder and runs it: broker, enrolment, the workers' work and the console for staff."""
