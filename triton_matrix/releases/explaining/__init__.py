"""At which stage of the compiler a change enters: statistics of the stages, swaps between releases, the verdict."""
