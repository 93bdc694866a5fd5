"""Models as they run: each layer with what it received, what it gave, and its parameters, in the layout of the spec.

`layer` is what is told of a layer, plain arrays; `reading` is how a framework's layer is read as a formula of the spec,
and run once more on other inputs. `torch_layers` and `keras_layers` are the tables of what is known,
`torch_model` and `keras_model` watch a model while it runs. `model` finds out whose a model is, and `process` is
a model in the process of a target.
"""
