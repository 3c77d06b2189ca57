"""A trained network as a folder that needs no nasbench: weights, torch module, ONNX model, preprocessing, a script that predicts."""
