"""Pull requests, graded from git objects: nothing of one is run or believed outside the walls."""
