"""The abstract pickle machine: what a pickle would do, told without doing it.

Start with `machine.interpret`; `values` has what it computes with, `allowlist` what is
admitted, `danger` what known bad names do, `tensors` how weights are read from the result,
`second` an independent reading, `explain` the program in words.
"""
