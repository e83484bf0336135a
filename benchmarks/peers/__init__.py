"""The same eight checks of causal attention under other graders, to be timed beside ours."""
