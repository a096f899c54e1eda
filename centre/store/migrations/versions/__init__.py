"""One module for each version of the store. A version that was released is never edited: a newer one changes it."""
