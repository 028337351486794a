"""Programs of TorchScript archives: what they may do, told from their text and never by running.

`operators` holds the reviewed lists, `tokens` the letters that torch's printer writes,
`source` the statements, `program` the judgement of a whole archive, `bytecode` that of the
mobile interpreter's form.
"""
