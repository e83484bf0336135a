"""Whether the numbers of elements agree is not looked at."""

# caught-by: test_strides_refuse_another_number_of_elements
# caught-by: test_view_refuses_bad_shapes
# advice: Compare the products of both shapes first: what is left of a chunk says nothing of the others.

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if 0 in shape and 0 in new_shape:
        return (1,) * len(new_shape)
    chunks = solution.merge_dims(shape, strides)
    result = []
    left, stride = 1, 1
    for size in reversed(new_shape):
        if left == 1 and size > 1 and chunks:
            left, stride = chunks.pop()
        if size and left % size:
            raise ValueError("no view")
        result.append(stride)
        left, stride = left // max(size, 1), stride * size
    return tuple(reversed(result))


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
