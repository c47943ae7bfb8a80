"""What a prediction costs by torch and by ONNX, and how far the two and a notebook agree."""
