"""How fast is the ONNX file that Sadari has exported? onnxruntime as it comes, and nothing of Sadari.

infer_onnx.py BATCHES FOLDER/task.json    (run by ../inference.py; inference_task.py says what a task is)
"""

import numpy as np
import onnxruntime

from inference_task import Numbers, race, read_task


def main() -> None:
    task, folder = read_task()
    onnxruntime.set_default_logger_severity(3)  # errors only
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])

    def judge(images: Numbers, batch: int) -> Numbers:
        blocks = (images[start : start + batch] for start in range(0, len(images), batch))
        return np.concatenate([session.run(["probabilities"], {"images": block})[0] for block in blocks])

    race(judge, "float32", ["onnxruntime", "numpy"], task["params"])


main()
