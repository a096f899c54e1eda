"""How Hypothesis looks for what nobody thought of: as usual, in CI, and thoroughly (`--hypothesis-profile`)."""

from hypothesis import Phase, settings

# A change is judged by the same examples each time, is never refused for an older fault that chance finds just then,
# and a failure comes with what plays it again instead of minutes of making it smaller.
settings.register_profile("ci", settings.get_profile("ci"), phases=(Phase.explicit, Phase.generate))
settings.register_profile("thorough", print_blob=True)  # tests.support.examples
if settings.get_current_profile_name() == "ci":  # as Hypothesis chooses where CI is set
    settings.load_profile("ci")
