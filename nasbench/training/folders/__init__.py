"""Folders of images as people have them: what is a split, a class, an image; and every image as bytes of one size."""
