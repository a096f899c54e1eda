"""The loudspeaker: what is said and played when, made into samples, and carried to the sound card by a process."""
