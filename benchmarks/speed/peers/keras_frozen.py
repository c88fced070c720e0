"""Train a partly frozen network of keras.applications for some epochs and print the seconds of each as JSON.

    keras_frozen.py NETWORK WHAT IMAGES EPOCHS

Run by ../frozen_speed.py in an environment of its own (Keras 3 on TensorFlow). As A1 does it: the network without its
top, flatten, dense 128, dense 64, dense 32, Adam, batches of 32, float32, random 224x224 images in memory. Weights are
random, which costs the same time as any others. WHAT learns: head, or block (the last convolution and the head).
"""

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from keras_clock import Clock

BATCH, SIDE, CLASSES = 32, 224, 3
LAST = {"MobileNet": ("conv_dw_13", "conv_dw_13_bn", "conv_pw_13", "conv_pw_13_bn"), "VGG16": ("block5_conv3",)}


def main() -> None:
    name, what, images, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    keras.utils.set_random_seed(0)
    base = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    for layer in base.layers:
        layer.trainable = what == "block" and layer.name in LAST[name]
    dense = [keras.layers.Dense(units, activation="relu") for units in (128, 64, 32)]
    model = keras.Sequential([base, keras.layers.Flatten(), *dense, keras.layers.Dense(CLASSES, activation="softmax")])
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (images, SIDE, SIDE, 3), dtype=np.uint8).astype(np.float32) / 127.5 - 1
    labels = generator.integers(0, CLASSES, images)
    clock = Clock()
    started = time.perf_counter()
    model.fit(pixels, labels, batch_size=BATCH, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[clock])
    trainable = sum(int(np.prod(each.shape)) for each in model.trainable_weights)
    document = {
        "seconds": clock.seconds,
        "total": time.perf_counter() - started,
        "params": model.count_params(),
        "trainable": trainable,
    }
    print(json.dumps(document))


main()
